const VISIBLE_ASCII = /^[\x21-\x7e]+$/;

/**
 * Whether a text can be sent as a bearer token: one word of visible ASCII, of which the form of RFC 6750, 2.1, is a part.
 * Of what undici and Node let stand in a header (tab, blank, visible ASCII, latin1) a blank or a tab ends the word, and
 * latin1 has no one form in bytes.
 */
export function isBearerToken(text: string): boolean {
  return VISIBLE_ASCII.test(text);
}
