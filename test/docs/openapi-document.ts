import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

export const OPENAPI_FILE = join(import.meta.dirname, '..', '..', 'docs', 'openapi.yaml');

export interface Described {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, object>>;
  readonly headers?: Readonly<Record<string, { readonly required?: boolean; readonly schema: object }>>;
}

export interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Described>>;
}

interface OpenApi {
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: { readonly responses: Readonly<Record<string, Described>> };
}

/** An answer as it came. */
export interface Observed {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];
const JSON_POINTER = /^#\/components\/responses\/(\w+)$/;

/** `docs/openapi.yaml`, and what it says of answers. */
export class OpenApiDocument {
  readonly content = parse(readFileSync(OPENAPI_FILE, 'utf8')) as OpenApi;
  // The document's own words are not those of a schema, and formats are of no interest here.
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema(this.content, 'openapi');

  /** Method and path of each operation, as in `post /auth/device`. */
  operations(): Map<string, Operation> {
    const found = new Map<string, Operation>();
    for (const [path, item] of Object.entries(this.content.paths)) {
      for (const method of METHODS) {
        if (item[method] !== undefined) found.set(`${method} ${path}`, item[method] as Operation);
      }
    }
    return found;
  }

  /** What is described for a status; undefined where nothing is. */
  response(operation: string, status: number): Described | undefined {
    const described = this.operations().get(operation)?.responses[String(status)];
    const [, name] = JSON_POINTER.exec(described?.$ref ?? '') ?? [];
    return name === undefined ? described : this.content.components.responses[name];
  }

  /** What keeps a value from fitting a schema of the components; undefined when it fits. */
  misfit(schema: string, value: unknown): string | undefined {
    return this.#misfit(`openapi#/components/schemas/${schema}`, value);
  }

  /** How an answer differs from what the document says of it; undefined when it does not. */
  difference(operation: string, { status, headers, text }: Observed): string | undefined {
    const described = this.response(operation, status);
    if (described === undefined) return `${operation} answers ${status}, which is not described`;
    for (const [name, { required }] of Object.entries(described.headers ?? {})) {
      if (required && !headers.has(name)) return `${operation} answers ${status} without ${name}`;
    }
    const [mediaType = ''] = (headers.get('content-type') ?? '').split(';');
    if (described.content?.[mediaType] === undefined) return `${operation} answers ${status} as ${mediaType}`;
    const pointer = this.#pointerTo(operation, status, mediaType);
    return this.#misfit(pointer, mediaType === 'application/json' ? JSON.parse(text) : text);
  }

  #pointerTo(operation: string, status: number, mediaType: string): string {
    const [method, path] = operation.split(' ') as [string, string];
    const reference = this.operations().get(operation)?.responses[String(status)]?.$ref;
    const response = reference ?? `#/paths/${escaped(path)}/${method}/responses/${status}`;
    return `openapi${response}/content/${escaped(mediaType)}/schema`;
  }

  #misfit(pointer: string, value: unknown): string | undefined {
    const validate = this.#ajv.compile({ $ref: pointer });
    return validate(value) ? undefined : this.#ajv.errorsText(validate.errors);
  }
}

/** As a part of a JSON pointer (RFC 6901) in a URI fragment. */
function escaped(part: string): string {
  return encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
}
