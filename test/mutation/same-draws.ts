import fc from 'fast-check';

// Every mutant meets the same draws, so that what survives survives again.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 1 });
