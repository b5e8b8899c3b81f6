import { hostPort } from '../config/kinds.js';
import type { Config } from '../config/load.js';
import type { FrontPorts } from '../front/server.js';

/** Where the running proxy listens, as `host:port`. */
export interface Addresses {
  readonly listen: string;
  readonly adminListen: string;
  readonly mqttListen?: string;
  readonly mqttTlsListen?: string;
}

/** What was configured, with the ports that were had. */
export function addressesOf(
  { listen, mqttListen, mqttTlsListen }: Config,
  admin: { readonly host: string; readonly port: number },
  ports: FrontPorts,
): Addresses {
  return {
    listen: hostPort(listen.host, ports.device as number),
    adminListen: hostPort(admin.host, admin.port),
    ...(mqttListen !== 'off' && ports.mqtt ? { mqttListen: hostPort(mqttListen.host, ports.mqtt) } : {}),
    ...(mqttTlsListen !== 'off' && ports.mqtts ? { mqttTlsListen: hostPort(mqttTlsListen.host, ports.mqtts) } : {}),
  };
}
