#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --v8-pool-size=1 --heap-growing-percent=200
// The settings above keep collecting garbage from holding up answers, and memory from falling to pieces (docs/decisions.md).

// The cloud reads a time without a zone as UTC (DESIGN 1.5), and so must every thread, whatever the machine's zone.
process.env.TZ = 'UTC';

const { runCli } = await import('./app/cli.js');
const exitCode = await runCli(process.argv.slice(2));
// A start that failed half-way has threads running that would keep the process alive.
if (exitCode === 0) process.exitCode = 0;
else process.exit(exitCode);
