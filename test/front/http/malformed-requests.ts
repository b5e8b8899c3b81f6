/** Where a malformed request goes, and what an attacker would have taken for a request of its own. */
export interface Target {
  readonly path: string;
  /** The Authorization header with its line end. */
  readonly auth: string;
  /** A whole request that must never be served. */
  readonly smuggled: string;
}

export interface MalformedRequest {
  readonly name: string;
  readonly bytes: (target: Target) => string;
  /**
   * What uWebSockets.js takes nevertheless, and no handler can see. It must come to one request at most, and to nothing
   * of what stands behind it.
   */
  readonly isTaken?: true;
  /** The same of the newer build alone (docs/decisions.md, "What differs between the two pairs that run"). */
  readonly isTakenByNewer?: true;
}

/** What follows the size of a first chunk of two bytes. */
const REST = '{}\r\n0\r\n\r\n';

const request = ({ path, auth }: Target, fields: readonly string[], body: string): string =>
  [`POST ${path} HTTP/1.1`, 'Host: a', auth.trimEnd(), ...fields, '', body].join('\r\n');

/** Its header lines, and a body that is itself a request. */
function withFields(name: string, ...fields: readonly string[]): MalformedRequest {
  return {
    name,
    bytes: (target) => {
      const { smuggled } = target;
      const lines = fields.map((field) => field.replace('LENGTH', String(Buffer.byteLength(smuggled, 'latin1'))));
      return request(target, lines, smuggled);
    },
  };
}

/** The body of a request in chunks; the smuggled request follows unless the body places it. */
function withChunks(name: string, body: string, isTaken?: true): MalformedRequest {
  const bytes = (target: Target): string => {
    const text = body.includes('SMUGGLED') ? body.replace('SMUGGLED', target.smuggled) : body + target.smuggled;
    return request(target, ['Transfer-Encoding: chunked'], text);
  };
  return isTaken === undefined ? { name, bytes } : { name, bytes, isTaken };
}

/** Its header lines, and a body that is in order if it is read as chunks. */
function withCodings(name: string, ...fields: readonly string[]): MalformedRequest {
  return { name, bytes: (target) => request(target, fields, `2\r\n${REST}`) };
}

/** Its request line; a body without framing follows. */
function withLine(name: string, line: string): MalformedRequest {
  return {
    name,
    bytes: ({ path, auth, smuggled }) => `${line.replace('PATH', path)}\r\nHost: a\r\n${auth}\r\n${smuggled}`,
  };
}

/** The bytes of an ordinary request, changed. */
function changed(name: string, change: (bytes: string, target: Target) => string): MalformedRequest {
  return {
    name,
    bytes: (target) => change(request(target, ['X-Field: value', 'Content-Length: 2'], '{}'), target) + target.smuggled,
  };
}

const LENGTHS = [
  withFields('two lengths, equal', 'Content-Length: LENGTH', 'Content-Length: LENGTH'),
  withFields('two lengths, the first short', 'Content-Length: 0', 'Content-Length: LENGTH'),
  withFields('two lengths, the second short', 'Content-Length: LENGTH', 'Content-Length: 0'),
  withFields('two lengths, far apart', 'Content-Length: 0', 'X-A: b', 'content-length: LENGTH'),
  withFields('two lengths, one empty', 'Content-Length:', 'Content-Length: LENGTH'),
  withFields('a list of equal lengths', 'Content-Length: LENGTH, LENGTH'),
  withFields('a list of lengths', 'Content-Length: 0, LENGTH'),
  withFields('a negative length', 'Content-Length: -1'),
  withFields('a length with a plus', 'Content-Length: +LENGTH'),
  withFields('a hexadecimal length', 'Content-Length: 0x10'),
  withFields('a length with an exponent', 'Content-Length: 1e1'),
  withFields('a fractional length', 'Content-Length: 2.0'),
  withFields('a length in two parts', 'Content-Length: 1 0'),
  withFields('an empty length', 'Content-Length:'),
  withFields('a length in words', 'Content-Length: two'),
  withFields('a quoted length', 'Content-Length: "2"'),
  withFields('a length beyond 64 bits', 'Content-Length: 18446744073709551618'),
  withFields('a length with a vertical tab', 'Content-Length: \x0b2'),
  withFields('a length with a NUL', 'Content-Length: 2\x00'),
  withFields('a length in other digits', 'Content-Length: \xd9\xa2'),
];

const CODINGS = [
  withFields('a length, then chunks', 'Content-Length: LENGTH', 'Transfer-Encoding: chunked'),
  withFields('chunks, then a length', 'Transfer-Encoding: chunked', 'Content-Length: LENGTH'),
  withFields('no length, and chunks', 'Content-Length: 0', 'Transfer-Encoding: chunked'),
  withFields('a length and no coding', 'Content-Length: LENGTH', 'Transfer-Encoding: identity'),
  withFields('a length and an empty coding', 'Content-Length: LENGTH', 'Transfer-Encoding:'),
  withFields('an empty length and chunks', 'Content-Length:', 'Transfer-Encoding: chunked'),
  withCodings('an empty coding', 'Transfer-Encoding:'),
  withCodings('the coding identity', 'Transfer-Encoding: identity'),
  withCodings('another coding', 'Transfer-Encoding: gzip'),
  withCodings('two codings', 'Transfer-Encoding: gzip, chunked'),
  withCodings('chunks not last', 'Transfer-Encoding: chunked, gzip'),
  withCodings('chunks twice in a list', 'Transfer-Encoding: chunked, chunked'),
  withCodings('chunks in two lines', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
  withCodings('two codings in two lines', 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'),
  withCodings('a coding with a prefix', 'Transfer-Encoding: xchunked'),
  withCodings('a coding with a parameter', 'Transfer-Encoding: chunked;q=1'),
  withCodings('a coding with a vertical tab', 'Transfer-Encoding: \x0bchunked'),
  withCodings('a quoted coding', 'Transfer-Encoding: "chunked"'),
  withCodings('a coding in two parts', 'Transfer-Encoding: chunk ed'),
];

const FIELDS = [
  withFields('a space before the colon', 'Transfer-Encoding : chunked'),
  withFields('a tab before the colon', 'Content-Length\t: LENGTH'),
  withFields('a folded line', 'X-Field: value', ' Transfer-Encoding: chunked'),
  withFields('a folded coding', 'Transfer-Encoding:', ' chunked'),
  withFields('a folded length', 'Content-Length:', '\tLENGTH'),
  withFields('a NUL in a name', 'Transfer-Encoding\x00: chunked'),
  withFields('a NUL in a value', 'X-Field: a\x00b'),
  withFields('a control character in a value', 'X-Field: a\x07b'),
  withFields('a byte beyond ASCII in a name', 'X-F\xefeld: a'),
  withFields('a bracket in a name', 'X[Field]: a'),
  withFields('a line without a colon', 'X-Field'),
  withFields('a bare CR in a value', 'X-Field: a\rContent-Length: LENGTH'),
  withFields('a bare CR in a name', 'X-Field\r: a'),
  withFields('a bare LF in a value', 'X-Field: a\nContent-Length: LENGTH'),
  withFields('two hosts', 'Host: b'),
  withFields('two hosts that are equal', 'Host: a'),
  withFields('two tokens', 'Authorization: Bearer other'),
  withFields('300 headers', ...Array.from({ length: 300 }, (_, i) => `X-${i}: ${i}`)),
  {
    ...withFields('a name of no characters, and a length behind it', ': a', 'Content-Length: LENGTH'),
    isTaken: true as const,
  },
  changed('bare LFs for all line ends', (bytes) => bytes.replaceAll('\r\n', '\n')),
  changed('a bare LF after the request line', (bytes) => bytes.replace('\r\n', '\n')),
  changed('a bare LF after a header', (bytes) => bytes.replace('value\r\n', 'value\n')),
  changed('a bare LF for the empty line', (bytes) => bytes.replace('\r\n\r\n', '\r\n\n')),
  changed('two bare LFs at the end of the head', (bytes) => bytes.replace('\r\n\r\n', '\n\n')),
  changed('two CRs at the end of the head', (bytes) => bytes.replace('\r\n\r\n', '\r\n\r\r\n')),
  changed('no host', (bytes) => bytes.replace('Host: a\r\n', '')),
  changed('an empty line first', (bytes) => `\r\n${bytes}`),
  changed('a space first', (bytes) => ` ${bytes}`),
];

const LINES = [
  withLine('the absolute form', 'POST http://aPATH HTTP/1.1'),
  withLine('the absolute form of another host', 'POST https://elsewhere.example/ HTTP/1.1'),
  withLine('the authority form', 'CONNECT elsewhere.example:443 HTTP/1.1'),
  withLine('the asterisk form', 'OPTIONS * HTTP/1.1'),
  withLine('HTTP/1.0', 'POST PATH HTTP/1.0'),
  withLine('HTTP/1.2', 'POST PATH HTTP/1.2'),
  withLine('HTTP/2', 'PRI * HTTP/2.0'),
  withLine('no version', 'POST PATH'),
  withLine('the version in lower case', 'POST PATH http/1.1'),
  withLine('something behind the version', 'POST PATH HTTP/1.1 x'),
  withLine('two spaces before the target', 'POST  PATH HTTP/1.1'),
  withLine('two spaces behind the target', 'POST PATH  HTTP/1.1'),
  withLine('a tab for a space', 'POST\tPATH\tHTTP/1.1'),
  withLine('a space in the target', 'POST PATH x HTTP/1.1'),
  withLine('a NUL in the target', 'POST PATH\x00 HTTP/1.1'),
  withLine('a bare CR in the target', 'POST PATH\r HTTP/1.1'),
  withLine('no method', ' PATH HTTP/1.1'),
  { ...withLine('a method in lower case', 'post PATH HTTP/1.1'), isTakenByNewer: true as const },
  withLine('a method with a bracket', 'PO(ST PATH HTTP/1.1'),
];

const CHUNKS = [
  withChunks('a size of letters', `zz\r\n${REST}`),
  withChunks('a negative size', `-2\r\n${REST}`),
  withChunks('a size with a plus', `+2\r\n${REST}`),
  withChunks('a size with 0x', `0x2\r\n${REST}`),
  withChunks('a size beyond 32 bits', `fffffffff2\r\n${REST}`),
  withChunks('a size with a dot', `2.0\r\n${REST}`),
  withChunks('a size of an underscore', `2_\r\n${REST}`),
  withChunks('a size with a space before it', ` 2\r\n${REST}`, true),
  withChunks('a size with a space behind it', `2 \r\n${REST}`, true),
  withChunks('no size', `\r\n${REST}`, true),
  withChunks('a size with a bare LF', `2\n${REST}`, true),
  withChunks('a size and words', `2 words\r\n${REST}`, true),
  withChunks('the digit G', `G\r\n${REST}`, true),
  withChunks('the digit :', `:\r\n${REST}`, true),
  withChunks('an extension of nothing', `2;\r\n${REST}`, true),
  withChunks('an extension', `2;a=b\r\n${REST}`, true),
  withChunks('no line end behind the data', `2\r\n{}0\r\n\r\n`, true),
  withChunks('a bare LF behind the data', `2\r\n{}\n0\r\n\r\n`, true),
  withChunks('more data than it says', `2\r\n{}SMUGGLED\r\n0\r\n\r\n`, true),
  withChunks('something else for the last line end', `2\r\n{}\r\n0\r\nXY`, true),
  withChunks('a request in the place of trailers', `2\r\n{}\r\n0\r\nSMUGGLED`, true),
  withChunks('trailers', `2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n`, true),
];

export const MALFORMED: readonly MalformedRequest[] = [...LENGTHS, ...CODINGS, ...FIELDS, ...LINES, ...CHUNKS];
