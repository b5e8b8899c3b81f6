/** One instruction of a Dockerfile. */
export interface Instruction {
  readonly name: string;
  /** What follows the name, continued lines joined. */
  readonly rest: string;
}

/** From one `FROM` to the next. */
export interface Stage {
  readonly base: string;
  /** After `AS`; undefined where it has no name. */
  readonly alias: string | undefined;
  readonly instructions: readonly Instruction[];
}

const KNOWN = new Set(
  'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR'.split(
    ' ',
  ),
);

/**
 * Reads a Dockerfile without heredocs.
 * @throws Error naming a line that is no instruction, or stands before the first `FROM`
 */
export function parseDockerfile(text: string): Stage[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#'));
  const stages: { base: string; alias: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')) {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.+)$/.exec(line) ?? [];
    if (!KNOWN.has(name)) throw new Error(`not an instruction: ${line}`);
    if (name === 'FROM') {
      const [, base = '', alias] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? [];
      stages.push({ base, alias, instructions: [] });
    } else {
      const stage = stages.at(-1);
      if (stage === undefined) throw new Error(`before the first FROM: ${line}`);
      stage.instructions.push({ name, rest });
    }
  }
  return stages;
}

/** What `COPY` takes: its sources, and the stage they come from where it is not the folder of the build. */
export function readCopy(rest: string): { from: string | undefined; sources: string[]; target: string } {
  const words = rest.split(/\s+/);
  const flags = words.filter((word) => word.startsWith('--'));
  const paths = words.slice(flags.length);
  return {
    from: flags.find((flag) => flag.startsWith('--from='))?.slice('--from='.length),
    sources: paths.slice(0, -1),
    target: paths.at(-1) as string,
  };
}

/** Whether a `.dockerignore` that leaves everything out but what it names lets a path in. */
export function isLetIn(dockerignore: string, path: string): boolean {
  const lines = dockerignore.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  if (lines[0] !== '*' || lines.slice(1).some((line) => !/^![\w./-]+$/.test(line))) {
    throw new Error('.dockerignore must be "*" and after it nothing but exceptions without wildcards');
  }
  const exceptions = lines.slice(1).map((line) => line.slice(1));
  return exceptions.some((exception) => path === exception || path.startsWith(`${exception}/`));
}
