/** Makes the program run on the older build of uWebSockets.js, as where the newer ones do not load. */
const Module = require('node:module');

const resolve = Module._resolveFilename;
Module._resolveFilename = function resolveFilename(request, ...rest) {
  if (request === 'uWebSockets.js' || request === 'uws-current') throw new Error(`${request} is not to be found here`);
  return resolve.call(this, request, ...rest);
};
