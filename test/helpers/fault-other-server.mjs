/**
 * A process that answers whatever it gets, on a port that it tells its parent: where a crowd can be that the proxy has
 * nothing to do with. It is the proxy's own server library, and needs the build.
 */
import { pickUws } from '../../dist/src/front/uws.js';

const { uws } = pickUws();
const app = uws.App();
app.ws('/*', {});
app.any('/*', (res) => {
  res.onAborted(() => {});
  res.onData((_part, isLast) => {
    if (isLast) res.end();
  });
});
app.listen('127.0.0.1', 0, (token) => process.send(uws.us_socket_local_port(token)));
process.on('disconnect', () => process.exit(0));
