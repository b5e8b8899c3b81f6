import { expect, it } from 'vitest';
import { isExempt } from '../../src/config/no-proxy.js';

const CLOUD = 'https://api.losant.com';

it.each([
  ['*', CLOUD],
  ['example.com, *', CLOUD],
  ['api.losant.com', CLOUD],
  ['API.Losant.COM.', CLOUD],
  ['losant.com', CLOUD],
  ['.losant.com', CLOUD],
  ['*.losant.com', CLOUD],
  ['example.com,losant.com:443', CLOUD],
  ['a b  losant.com', CLOUD],
  ['losant.com:8443', 'https://api.losant.com:8443'],
  ['losant.com', 'https://api.losant.com.'],
  ['bücher.example', 'https://api.xn--bcher-kva.example'],
  ['10.1.2.3', 'http://10.1.2.3:8080'],
  ['10.1.2.3:8080', 'http://10.1.2.3:8080'],
  ['10.0.0.0/8', 'http://10.1.2.3'],
  ['::1', 'http://[::1]:8080'],
  ['[::1]', 'http://[::1]:8080'],
  ['[::1]:8080', 'http://[::1]:8080'],
  ['0:0:0:0:0:0:0:1', 'http://[::1]'],
  ['fd00::/8', 'https://[fd12::1]'],
])('NO_PROXY "%s" has %s reached straight', (noProxy, url) => {
  expect(isExempt(new URL(url), noProxy)).toBe(true);
});

it.each([
  ['', CLOUD],
  [',, ,', CLOUD],
  ['com.', 'https://api.losant.org'],
  ['osant.com', CLOUD],
  ['api.losant.com.example', CLOUD],
  ['losant.com:80', CLOUD],
  ['losant.com:8443', CLOUD],
  ['10.1.2.3', 'http://10.1.2.33'],
  ['10.1.2.3:80', 'http://10.1.2.3:8080'],
  ['10.0.0.0/8', 'http://11.1.2.3'],
  ['10.0.0.0/33', 'http://10.1.2.3'],
  ['10.0.0.0/8/8', 'http://10.1.2.3'],
  ['10.0.0.0/8', 'https://ten.example'],
  ['0.0.0.0/0', 'http://[::1]'],
  ['fd00::/8', 'https://[fe80::1]'],
  ['.', CLOUD],
  ['*.', CLOUD],
  ['***', CLOUD],
  ['%', CLOUD],
])('NO_PROXY "%s" leaves %s to the proxy', (noProxy, url) => {
  expect(isExempt(new URL(url), noProxy)).toBe(false);
});
