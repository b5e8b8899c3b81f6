#!/usr/bin/env node
// The cloud reads a time without a zone as UTC (DESIGN 1.5), and so must every thread, whatever the machine's zone.
process.env.TZ = 'UTC';

const { runCli } = await import('./app/cli.js');
process.exitCode = await runCli(process.argv.slice(2));
