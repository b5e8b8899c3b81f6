/**
 * `npm run docs`: brings up to date what is made from tables of the code: the options in their document and in the schema of
 * the chart's values, the documents of the commands and of the log's events, and the runbook as a page. Run from the
 * package's root.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { CHART_SCHEMA, DOCUMENT_WITH_TABLE, withOptionsSchema, withOptionsTable } from '../../config/option-docs.js';
import { createProgram } from '../cli.js';
import { COMMANDS_DOCUMENT, commandsDocument, EVENTS_DOCUMENT, eventsDocument } from './program-docs.js';
import { RUNBOOK_DOCUMENT, RUNBOOK_PAGE, runbookPage } from './runbook-page.js';

writeFileSync(DOCUMENT_WITH_TABLE, withOptionsTable(readFileSync(DOCUMENT_WITH_TABLE, 'utf8')));
const schema = withOptionsSchema(JSON.parse(readFileSync(CHART_SCHEMA, 'utf8')));
writeFileSync(CHART_SCHEMA, `${JSON.stringify(schema, null, 2)}\n`);
writeFileSync(COMMANDS_DOCUMENT, commandsDocument(await createProgram()));
writeFileSync(EVENTS_DOCUMENT, eventsDocument());
writeFileSync(RUNBOOK_PAGE, runbookPage(readFileSync(RUNBOOK_DOCUMENT, 'utf8')));
