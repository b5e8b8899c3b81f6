/** `npm run docs`: brings the table of options in its document up to date. Run from the package's root. */
import { readFileSync, writeFileSync } from 'node:fs';
import { DOCUMENT_WITH_TABLE, withOptionsTable } from './docs-table.js';

writeFileSync(DOCUMENT_WITH_TABLE, withOptionsTable(readFileSync(DOCUMENT_WITH_TABLE, 'utf8')));
