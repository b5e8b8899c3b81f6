/** The body of a request or frame of a load. */
export interface LoadBody {
  readonly text: string;
  /** That it brings: none where it is to be refused. */
  readonly states: number;
}

/** What a small sensor says: 75 bytes. */
export const SMALL_STATE = '{"data":{"temperature":21.5,"humidity":48.2,"wind":3.1,"status":"running"}}';

export const SMALL_BODY: LoadBody = { text: SMALL_STATE, states: 1 };

/** One body with so many states, small ones unless others are given. */
export function listBody(states: number, state = SMALL_STATE): LoadBody {
  return { text: `[${new Array(states).fill(state).join(',')}]`, states };
}

const LONGEST_VALUE_BYTES = 60_000;

/** One state of about so many bytes: numbers, as of a vibration sensor, in text values as long as they may be. */
export function bodyOfBytes(bytes: number): LoadBody {
  if (bytes <= SMALL_STATE.length) return SMALL_BODY;
  const values: string[] = [];
  for (let left = bytes - '{"data":{}}'.length; left > 0; left -= LONGEST_VALUE_BYTES) {
    const name = `"samples_${values.length}":""`;
    const text = '0.125;0.250;'.repeat(Math.ceil(LONGEST_VALUE_BYTES / 12)).slice(0, LONGEST_VALUE_BYTES);
    values.push(`"samples_${values.length}":"${text.slice(0, Math.max(0, left - name.length - 1))}"`);
  }
  return { text: `{"data":{${values.join(',')}}}`, states: 1 };
}

/** A state with what is rarer: text beyond ASCII, a time of its own that others share not, and `meta`. */
export const RICH_BODY: LoadBody = {
  text: '{"data":{"raum":"Prüfstand 3","note":"läuft \\"gut\\"","ok":true},"meta":{"line":4}}',
  states: 1,
};

export const BAD_BODY: LoadBody = { text: '{"data":{"temperature":[21.5]}}', states: 0 };
