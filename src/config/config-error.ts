import { StatewayError } from '../core/errors.js';

/**
 * A configuration that must not be started with. The message is one line that names the variable or flag, the value
 * (unless secret) and what is allowed; the process ends with exit code 2 (contract 1.1).
 */
export class ConfigError extends StatewayError {
  constructor(message: string) {
    super('STATEWAY_CONFIGURATION', message);
    this.name = 'ConfigError';
  }
}

/** A text as one line of an error, whatever is in it, and not too long for a log. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
