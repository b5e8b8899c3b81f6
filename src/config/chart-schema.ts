import { OPTION_KEYS, optionRow, variablesOf } from './options.js';

/** The schema of the Helm chart's values, from the package's root. */
export const CHART_SCHEMA = 'k8s/chart/values.schema.json';

/** YAML has a number without a unit as one. */
const TEXT = ['string', 'integer'];

/** The schema of the chart's `config`, as far as the table of options has a say in it. */
interface ConfigSchema {
  readonly propertyNames: { readonly if: { readonly enum: readonly string[] }; readonly else?: object };
  readonly properties?: object;
}

interface ValuesSchema {
  readonly properties: { readonly config: ConfigSchema } & Readonly<Record<string, object>>;
}

/**
 * `schema` with the options that `config` takes, and the form of their values. Those that the chart sets by values of its
 * own, which stand under `propertyNames.if`, are left to its template: it says which value that is.
 */
export function withOptionsSchema<S extends ValuesSchema>(schema: S): S {
  const { config } = schema.properties;
  const setElsewhere = config.propertyNames.if.enum;
  const taken = OPTION_KEYS.flatMap((key) => {
    const { variable, kind, meaning } = optionRow(key);
    return variablesOf(key)
      .filter((name) => !setElsewhere.includes(name))
      .map((name) => [name, { description: meaning, type: TEXT, ...(name === variable ? kind.form : {}) }] as const);
  });
  const names = taken.map(([name]) => name);
  const propertyNames = { ...config.propertyNames, else: { enum: names } };
  return {
    ...schema,
    properties: {
      ...schema.properties,
      config: { ...config, propertyNames, properties: Object.fromEntries(taken) },
    },
  };
}
