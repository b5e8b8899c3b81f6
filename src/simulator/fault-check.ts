import { type CloudRoute, canBefall, type FaultEffect } from './cloud-faults.js';

/** What a property of a fault may be. */
interface Rule {
  readonly allowed: string;
  readonly allows: (value: unknown) => boolean;
}

const AMOUNT: Rule = { allowed: 'a number, 0 or more', allows: (value) => typeof value === 'number' && value >= 0 };
const NUMBER: Rule = { allowed: 'a number', allows: (value) => Number.isFinite(value) };
const TEXT: Rule = { allowed: 'a string', allows: (value) => typeof value === 'string' };
const STATUS: Rule = {
  allowed: 'a whole number from 200 to 599',
  allows: (value) => Number.isInteger(value) && (value as number) >= 200 && (value as number) <= 599,
};
const ROUTES: readonly CloudRoute[] = ['login', 'device', 'state', 'other', 'mqtt'];

const RULES: Readonly<Record<string, Rule>> = {
  status: STATUS,
  retryAfterSeconds: AMOUNT,
  contentType: TEXT,
  body: TEXT,
  location: TEXT,
  delayMs: AMOUNT,
  afterBytes: AMOUNT,
  headBytes: AMOUNT,
  code: { allowed: 'a whole number from 1 to 5', allows: (value) => [1, 2, 3, 4, 5].includes(value as number) },
  skewMs: NUMBER,
  attribute: TEXT,
  share: { allowed: 'a number from 0 to 1', allows: (value) => AMOUNT.allows(value) && (value as number) <= 1 },
  route: { allowed: `one of ${ROUTES.join(', ')}`, allows: (value) => ROUTES.includes(value as CloudRoute) },
  deviceIds: { allowed: 'an array of ids', allows: (value) => Array.isArray(value) && value.every(TEXT.allows) },
  times: AMOUNT,
};

/** Properties that any fault may have, to say which requests it befalls. */
const SCOPE = ['route', 'deviceIds', 'times'] as const;

/** Of each kind of fault the properties it must have, and those it may have. */
const KINDS: Readonly<
  Record<FaultEffect['kind'], { readonly needs: readonly string[]; readonly may: readonly string[] }>
> = {
  outage: { needs: [], may: [] },
  status: { needs: ['status'], may: ['retryAfterSeconds'] },
  page: { needs: ['status'], may: ['contentType', 'body', 'location', 'skewMs'] },
  delay: { needs: ['delayMs'], may: [] },
  'late-answer': { needs: ['delayMs'], may: [] },
  hang: { needs: [], may: [] },
  'refuse-connect': { needs: ['code'], may: [] },
  'lose-answer': { needs: [], may: [] },
  'cut-answer': { needs: ['afterBytes'], may: [] },
  'large-head': { needs: ['headBytes'], may: [] },
  'skew-date': { needs: ['skewMs'], may: [] },
  'refuse-attribute': { needs: ['attribute'], may: ['status'] },
  'cut-attribute': { needs: ['attribute'], may: [] },
  'refuse-share': { needs: ['share'], may: ['status'] },
};

/** What is wrong with a list of faults that came from outside; undefined when nothing is. */
export function checkFaults(value: unknown): string | undefined {
  if (!Array.isArray(value)) return 'faults must be an array';
  for (const [index, fault] of value.entries()) {
    const offence = checkFault(fault);
    if (offence !== undefined) return `[${index}]: ${offence}`;
  }
  return undefined;
}

function checkFault(fault: unknown): string | undefined {
  if (typeof fault !== 'object' || fault === null) return 'must be an object';
  const { kind, ...properties } = fault as Record<string, unknown>;
  if (typeof kind !== 'string' || !Object.hasOwn(KINDS, kind))
    return `kind must be one of ${Object.keys(KINDS).join(', ')}`;
  const { needs, may } = KINDS[kind as FaultEffect['kind']];
  const stranger = Object.keys(properties).find((name) => ![...needs, ...may, ...SCOPE].includes(name));
  if (stranger !== undefined) return `property "${stranger}" is not allowed with ${kind}`;
  for (const name of [...needs, ...Object.keys(properties)]) {
    const rule = RULES[name] as Rule;
    if (!rule.allows(properties[name])) return `${name} must be ${rule.allowed}`;
  }
  const route = properties.route as CloudRoute | undefined;
  if (route !== undefined && !canBefall(kind as FaultEffect['kind'], route)) return `${kind} does not befall ${route}`;
  return undefined;
}
