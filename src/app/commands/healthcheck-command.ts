import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';
import { Command } from 'commander';
import { type Address, loopbackFor } from '../../config/kinds.js';
import { loadConfig } from '../../config/load.js';
import { addConfigFlags } from './config-command.js';

const ANSWER_WITHIN_MS = 3_000;
/** Far more than /readyz ever says; the rest of a stranger's answer is not read. */
const MAX_ANSWER_CHARACTERS = 1_000;

const TLS_HINT =
  '; where the admin side speaks TLS, this command wants STATEWAY_ADMIN_TLS_CERT_FILE and STATEWAY_ADMIN_TLS_KEY_FILE too';

/** What the running proxy said of itself, in one line. */
export interface Health {
  readonly ready: boolean;
  readonly why: string;
}

/**
 * `stateway healthcheck`: asks the running proxy on its admin address whether it is ready. Exit code 0 when it is, 1
 * when not, with one line that says why.
 * @throws ConfigError from its action when the configuration is not allowed
 */
export function healthcheckCommand(): Command {
  const command = new Command('healthcheck').description('exit 0 when the running proxy is ready, 1 when it is not');
  return addConfigFlags(command, ['adminListen', 'adminTlsCertFile', 'adminTlsKeyFile']).action(
    async (options: Record<string, unknown>) => {
      const { adminListen, adminTlsCertFile } = loadConfig(process.env, options);
      const { ready, why } = await checkHealth(adminListen, adminTlsCertFile !== undefined);
      process.stdout.write(`${ready ? 'ready' : 'not ready'}: ${why}\n`);
      if (!ready) process.exitCode = 1;
    },
  );
}

/**
 * Asks `/readyz`. Never rejects: what goes wrong is a reason for not being ready.
 * @param isTls whether the admin side speaks HTTPS
 */
export function checkHealth(adminListen: Address, isTls = false): Promise<Health> {
  if (adminListen.port === 0) {
    return Promise.resolve({ ready: false, why: 'the admin address has port 0, so the port is not known' });
  }
  const host = loopbackFor(adminListen.host);
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    // Asked by loopback, which is no name of the certificate; nothing is told to whoever answers.
    const asked = { host, port: adminListen.port, path: '/readyz', agent: false, signal, rejectUnauthorized: false };
    const request = (isTls ? getSecure : getPlain)(asked, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        if (body.length < MAX_ANSWER_CHARACTERS) body += chunk;
      });
      response.on('error', (error) => resolve({ ready: false, why: explain(error, adminListen, isTls) }));
      response.on('end', () => resolve({ ready: response.statusCode === 200, why: reasonIn(body) }));
    });
    request.on('error', (error) => resolve({ ready: false, why: explain(error, adminListen, isTls) }));
  });
}

function explain(error: NodeJS.ErrnoException, { host, port }: Address, isTls: boolean): string {
  const where = `${host}, port ${port}`;
  if (error.name === 'AbortError') return `no answer from ${where} within ${ANSWER_WITHIN_MS} ms`;
  // A server of TLS ends what is none.
  const hint = isTls || error.code !== 'ECONNRESET' ? '' : TLS_HINT;
  return `no connection to ${where} (${error.code ?? error.message})${hint}`;
}

/** The `reason` of the answer; anything but the proxy's own answer is shown by its first line. */
function reasonIn(body: string): string {
  try {
    const { reason } = JSON.parse(body) as { reason?: unknown };
    if (typeof reason === 'string') return reason;
  } catch {
    // Not the proxy's answer.
  }
  const [line = ''] = body.slice(0, MAX_ANSWER_CHARACTERS).split('\n');
  return `an answer that is not the proxy's: ${JSON.stringify(line)}`;
}
