/** The steps of the life of the package on a system. Each throws an Error that says what is not so. */
import { expect, say, until } from './expectations.mjs';
import { CLOUD, NODE, STATES } from './simulated-plant.mjs';

/** @typedef {import('./system.mjs').DebianSystem} DebianSystem */

/** dpkg-query(1). */
const DEB_VERSION = `\${Version}`;
/** In tenths, as `systemd-analyze security` counts exposure: its own "OK" begins at 5.0. */
const MAX_EXPOSURE = 15;

/**
 * @param {DebianSystem} system
 * @param {string} file
 */
export function install(system, file) {
  system.run('dpkg', '--install', `/packages/${file}`);
  expect('the service runs once it is installed', system.run('systemctl', 'is-active', 'stateway'), 'active');
  expect('and with the machine', system.run('systemctl', 'is-enabled', 'stateway'), 'enabled');
  const pid = system.run('systemctl', 'show', '--property=MainPID', '--value', 'stateway');
  expect('as its own user', system.run('stat', '--format=%U', `/proc/${pid}`), 'stateway');
  const data = system.run('stat', '--format=%U %a', '/var/lib/stateway', '/var/lib/stateway/grants');
  expect('whose data nobody else reads', data, 'stateway 700\nstateway 700');
  expect('the command is there for everybody', system.run('stateway', '--version'), versionOf(system));
  system.run('stateway', 'healthcheck');
  say('installed: the service is active, enabled, of its own user, and healthy');
}

/** @param {DebianSystem} system */
function versionOf(system) {
  return system.run(NODE, '-p', 'require("/usr/lib/stateway/package.json").version');
}

/** @param {DebianSystem} system */
export function checkUnit(system) {
  const unit = '/usr/lib/systemd/system/stateway.service';
  expect('the unit has no mistakes', system.run('systemd-analyze', 'verify', unit), '');
  const judged = system.run('systemd-analyze', 'security', '--no-pager', `--threshold=${MAX_EXPOSURE}`, 'stateway');
  say(`unit: no mistakes; ${judged.split('\n').at(-1)?.replace(/^\W+/, '')}`);
}

/**
 * By the file, and with a secret by systemd.
 * @param {DebianSystem} system
 */
export async function configure(system) {
  const lines = `STATEWAY_UPSTREAM_URL=http://${CLOUD}\\nSTATEWAY_LOG_LEVEL="debug"\\n`;
  system.run('sh', '-c', `printf '${lines}' >>/etc/stateway/stateway.env`);
  system.run('sh', '-c', `${NODE} -p 'require("crypto").randomBytes(32).toString("base64")' >/etc/stateway/secret-key`);
  system.run('chmod', '600', '/etc/stateway/secret-key');
  dropIn(system, 'secrets.conf', `grep -e '^.Service' -e secret-key $EXAMPLES/secrets.conf`);
  // The first start has made a key of its own, as secrets.conf says.
  system.run('systemctl', 'stop', 'stateway');
  system.run('rm', '-r', '/var/lib/stateway/grants', '/var/lib/stateway/secret.key');
  restart(system);
  const config = system.run('stateway', 'config');
  for (const value of [`http://${CLOUD}`, 'debug']) {
    expect('the command has the configuration of the service', config.includes(value), true);
  }
  const shown = system.run('systemctl', 'show', 'stateway');
  const secret = system.run('cat', '/etc/stateway/secret-key');
  expect('the secret is not shown', shown.includes(secret), false);
  expect('no key is made beside it', system.try('stat', '/var/lib/stateway/secret.key').status, 1);
  say('configured: by the file, and by a credential of systemd');
}

/**
 * A main thread that says nothing is ended and started again.
 * @param {DebianSystem} system
 */
export async function outliveStuckness(system) {
  // Short for as long as it takes: a machine that is busy with something else may be late for it by itself.
  dropIn(system, 'watchdog.conf', `printf '[Service]\\nWatchdogSec=5\\n'`);
  restart(system);
  system.run('systemctl', 'kill', '--kill-whom=main', '--signal=STOP', 'stateway');
  await until('a stuck proxy is started again', () => {
    const restarts = system.run('systemctl', 'show', '--property=NRestarts', '--value', 'stateway');
    return Number(restarts) > 0 && system.try('systemctl', 'is-active', 'stateway').status === 0;
  });
  system.run('rm', '/etc/systemd/system/stateway.service.d/watchdog.conf');
  restart(system);
  say('stuck: the watchdog has started it again');
}

/**
 * While states wait.
 * @param {DebianSystem} system
 * @param {string} file
 * @param {string} version
 */
export function upgrade(system, file, version) {
  system.run('dpkg', '--install', `/packages/${file}`);
  expect(
    'the new version is there',
    system.run('dpkg-query', '--show', '--showformat', DEB_VERSION, 'stateway'),
    version,
  );
  expect('the service runs again', system.run('systemctl', 'is-active', 'stateway'), 'active');
  const kept = system.run('cat', '/etc/stateway/stateway.env').includes(CLOUD);
  expect('the configuration is as it was', kept, true);
  say(`upgraded: to ${version} with ${STATES} waiting states; the configuration is kept`);
}

/**
 * Every example, as it is: a token and a certificate as credentials, and a port below 1024.
 * @param {DebianSystem} system
 */
export async function giveSecrets(system) {
  system.run('sh', '-c', 'echo a-token-of-the-plant >/etc/stateway/upstream-token');
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=plant',
  ];
  system.run('openssl', ...request, '-keyout', '/etc/stateway/tls.key', '-out', '/etc/stateway/tls.crt');
  for (const name of ['secrets.conf', 'low-ports.conf']) dropIn(system, name, `cat $EXAMPLES/${name}`);
  system.run('sh', '-c', 'echo STATEWAY_LISTEN=0.0.0.0:443 >>/etc/stateway/stateway.env');
  restart(system);
  const call = `process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    fetch('https://127.0.0.1/nothing', { method: 'POST' }).then((answer) => console.log(answer.status))`;
  expect('devices are served by TLS on port 443', system.run(NODE, '--no-warnings', '-e', call), '502');
  say('secrets: token, key and certificate by credentials; TLS on port 443');
}

/** @param {DebianSystem} system */
export function removeAndPurge(system) {
  system.run('dpkg', '--remove', 'stateway');
  expect('the service is stopped', system.try('systemctl', 'is-active', 'stateway').stdout.trim(), 'inactive');
  expect('the program is gone', system.try('stat', '/usr/lib/stateway').status, 1);
  system.run('stat', '/etc/stateway/stateway.env', '/var/lib/stateway/grants');
  say('removed: configuration and data are still there');
  system.run('sh', '-c', 'rm /etc/stateway/tls.* /etc/stateway/secret-key /etc/stateway/upstream-token');
  system.run('dpkg', '--purge', 'stateway');
  for (const path of ['/etc/stateway', '/var/lib/stateway']) {
    expect(`${path} is gone`, system.try('stat', path).status, 1);
  }
  say('purged: nothing is left');
}

/**
 * @param {DebianSystem} system
 * @param {string} name
 * @param {string} source a shell command whose output is the file
 */
function dropIn(system, name, source) {
  const folder = '/etc/systemd/system/stateway.service.d';
  const script = `EXAMPLES=/usr/share/doc/stateway/examples; mkdir -p ${folder}; ${source} >${folder}/${name}`;
  system.run('sh', '-euc', script);
}

/** @param {DebianSystem} system */
function restart(system) {
  system.run('systemctl', 'daemon-reload');
  system.run('systemctl', 'restart', 'stateway');
}
