import { logIn, postState, type Site } from '../../helpers/bench-site.js';

/** A state of each device, through the proxy. */
export async function report(site: Site, tokens: readonly string[], states = 1): Promise<void> {
  await Promise.all(
    site.devices.map((device, index) =>
      postState(
        site,
        device,
        tokens[index] as string,
        Array.from({ length: states }, (_, n) => ({ data: { temperature: n } })),
      ),
    ),
  );
}

/** Each device logs in; their tokens. */
export function logInAll(site: Site): Promise<string[]> {
  return Promise.all(site.devices.map((device) => logIn(site, device)));
}
