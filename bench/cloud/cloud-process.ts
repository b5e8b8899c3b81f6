import type { HttpRequest, HttpResponse } from 'uws-current';
import { pickUws } from '../../src/front/uws.js';
import type { CloudSnapshot } from '../account.js';
import { APPLICATION_ID, benchDevice, deviceIndexOf } from '../devices.js';
import { serveParent } from '../processes/parent-link.js';
import { collectBody, listenOn } from '../processes/uws-server.js';
import { Arrivals } from './arrivals.js';
import type { ScanRules } from './state-scan.js';

const { uws } = pickUws();
/** `Authorization` by device, made when first needed: the comparison is all that a request costs. */
const credentials: string[] = [];
let arrivals: Arrivals;
let isAway = false;

serveParent<ScanRules, number>({
  start(options) {
    arrivals = new Arrivals(options);
    return open();
  },
  answers: {
    snapshot: (): CloudSnapshot => ({ arrived: arrivals.byDevice(), summary: arrivals.summary() }),
    goAway: () => {
      isAway = true;
    },
    comeBack: () => {
      isAway = false;
    },
  },
});

function open(): Promise<number> {
  const app = uws.App();
  app.post('/applications/:applicationId/devices/:deviceId/state', unlessAway(takeStates));
  app.get('/applications/:applicationId/devices/:deviceId', unlessAway(readDevice));
  app.post('/auth/device', unlessAway(logIn));
  return listenOn(uws, app);
}

type Handler = (res: HttpResponse, req: HttpRequest) => void;

function unlessAway(answer: Handler): Handler {
  return (res, req) => {
    if (isAway) res.close();
    else answer(res, req);
  };
}

function takeStates(res: HttpResponse, req: HttpRequest): void {
  const device = authorized(req);
  if (device === undefined) refuse(res, '401 Unauthorized', 'Unauthorized');
  else if (!arrivals.admit(device, performance.now())) refuse(res, '429 Too Many Requests', 'Throttled');
  else {
    collectBody(res, (body) => {
      arrivals.take(device, body);
      res.writeHeader('Content-Type', 'application/json').end('{"success":true}');
    });
  }
}

function readDevice(res: HttpResponse, req: HttpRequest): void {
  const deviceId = req.getParameter(1) as string;
  if (authorized(req) === undefined) {
    refuse(res, '401 Unauthorized', 'Unauthorized');
    return;
  }
  res.writeHeader('Content-Type', 'application/json');
  res.end(JSON.stringify({ id: deviceId, deviceId, applicationId: APPLICATION_ID, deviceClass: 'standalone' }));
}

function logIn(res: HttpResponse): void {
  collectBody(res, (body) => {
    const { deviceId } = JSON.parse(body.toString()) as { deviceId: string };
    const { applicationId, token } = benchDevice(deviceIndexOf(deviceId) as number);
    res.writeHeader('Content-Type', 'application/json');
    res.end(JSON.stringify({ applicationId, deviceId, deviceClass: 'standalone', token }));
  });
}

/** The device of the path, if the token is its own. */
function authorized(req: HttpRequest): number | undefined {
  const index = deviceIndexOf(req.getParameter(1) as string);
  if (index === undefined) return undefined;
  credentials[index] ??= `Bearer ${benchDevice(index).token}`;
  return req.getHeader('authorization') === credentials[index] ? index : undefined;
}

function refuse(res: HttpResponse, status: string, type: string): void {
  res.writeStatus(status).writeHeader('Content-Type', 'application/json');
  res.end(JSON.stringify({ type, message: 'refused by the cloud of the bench' }));
}
