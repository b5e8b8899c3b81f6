/** `npm run docs`: brings the table of options in the documents up to date. Run from the package's root. */
import { readFileSync, writeFileSync } from 'node:fs';
import { DOCUMENTS_WITH_TABLE, withOptionsTable } from './docs-table.js';

for (const file of DOCUMENTS_WITH_TABLE) writeFileSync(file, withOptionsTable(readFileSync(file, 'utf8')));
