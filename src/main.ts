#!/usr/bin/env -S GLIBC_TUNABLES=glibc.malloc.tcache_count=127 MALLOC_ARENA_MAX=1 node --v8-pool-size=1
// The settings above, and the one below, keep collecting garbage from holding up answers, memory from falling to pieces,
// and threads from one another's memory (docs/decisions.md).
import { setFlagsFromString } from 'node:v8';
import { exitIfUnsupported } from './app/supported-system.js';

setFlagsFromString('--heap-growing-percent=400');

// The cloud reads a time without a zone as UTC (contract 1.5), and so must every thread, whatever the machine's zone.
process.env.TZ = 'UTC';

exitIfUnsupported();
const { runCli } = await import('./app/cli.js');
const exitCode = await runCli(process.argv.slice(2));
// A start that failed half-way has threads running that would keep the process alive.
if (exitCode === 0) process.exitCode = 0;
else process.exit(exitCode);
