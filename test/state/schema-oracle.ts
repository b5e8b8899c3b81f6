import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';

const schema = JSON.parse(
  readFileSync(new URL('./fixtures/deviceStateOrStates.json', import.meta.url), 'utf8'),
) as object;

/** The published schema, read by ajv. */
export const fitsSchema = new Ajv({ allowUnionTypes: true }).compile(schema);

/** The published schema and the limits beside it, written independently of `src/state/validate.ts`. */
export function isAcceptable(body: unknown): boolean {
  if (!fitsSchema(body) || holdsInfinity(body)) return false;
  const states = (Array.isArray(body) ? body : [body]) as { data: object }[];
  return states.every(({ data }) =>
    Object.values(data).every((value) => typeof value !== 'string' || new TextEncoder().encode(value).length <= 65_536),
  );
}

function holdsInfinity(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsInfinity);
}
