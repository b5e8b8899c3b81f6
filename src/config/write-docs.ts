/**
 * `npm run docs`: brings up to date what the table of options is part of: its document, and the schema of the chart's values.
 * Run from the package's root.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { CHART_SCHEMA, withOptionsSchema } from './chart-schema.js';
import { DOCUMENT_WITH_TABLE, withOptionsTable } from './docs-table.js';

writeFileSync(DOCUMENT_WITH_TABLE, withOptionsTable(readFileSync(DOCUMENT_WITH_TABLE, 'utf8')));
const schema = withOptionsSchema(JSON.parse(readFileSync(CHART_SCHEMA, 'utf8')));
writeFileSync(CHART_SCHEMA, `${JSON.stringify(schema, null, 2)}\n`);
