/** The settings of the drivers that tasks run on. */
import { Fault } from '../../contract/fault.ts'
import { DRIVERS, type DriverName } from '../../contract/api/pipelines.ts'
import type { Env } from '../../platform/processes/own-and-child-environment.ts'
import { type DockerSettings, PULL_POLICIES } from '../runs/drivers/docker/docker-driver.ts'
import { findEndpoint } from '../runs/drivers/docker/daemon-endpoint.ts'
import type { SettingValues } from './setting-values.ts'

/** What tasks may run on. */
export interface DriverSettings {
  /** The first is that of a pipeline which names none. */
  drivers: readonly [DriverName, ...DriverName[]]
  docker: DockerSettings
}

/** What Docker's own command line reads. */
const DOCKER_VARIABLES = [
  'DOCKER_HOST',
  'DOCKER_CONTEXT',
  'DOCKER_CONFIG',
  'DOCKER_TLS_VERIFY',
  'DOCKER_CERT_PATH',
  'HOME',
]

/** @throws Fault `config` naming the setting. Whether there is an engine shows when one is used. */
export function driverSettings(values: SettingValues, env: Env): DriverSettings {
  const dockerEnv = Object.fromEntries(DOCKER_VARIABLES.map((name) => [name, env[name]]))
  return {
    drivers: readDrivers(values.drivers ?? DRIVERS.join(',')),
    docker: {
      host: readHost(values['docker-host'], dockerEnv),
      network: readNetwork(values['docker-network'] ?? 'bridge'),
      pull: readPolicy(values['docker-pull'] ?? 'missing'),
      env: dockerEnv,
    },
  }
}

function readDrivers(text: string): readonly [DriverName, ...DriverName[]] {
  const names = text.split(/[\s,]+/).filter((name) => name !== '')
  const known = names.map((name) => DRIVERS.find((driver) => driver === name))
  const [first, ...others] = known.filter((name) => name !== undefined)
  if (first === undefined || others.length + 1 < names.length || new Set(names).size < names.length) {
    throw new Fault('config', `--drivers takes ${DRIVERS.join(' and ')}, not "${text}"`, {
      hint: 'the first is that of a pipeline which names none',
    })
  }
  return [first, ...others]
}

/** @throws Fault `config` for what the first task would fail with. */
function readHost(host: string | undefined, env: Env): string | undefined {
  if (host !== undefined) findEndpoint({ host, env })
  return host
}

/** `container:…` would let tasks into a container that is not theirs. */
function readNetwork(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(text)) return text
  throw new Fault('config', `--docker-network takes the name of a network, not "${text}"`, {
    hint: 'bridge, none, or one that docker network ls shows',
  })
}

function readPolicy(text: string): DockerSettings['pull'] {
  const policy = PULL_POLICIES.find((known) => known === text)
  if (policy !== undefined) return policy
  throw new Fault('config', `--docker-pull takes ${PULL_POLICIES.join(', ')}, not "${text}"`)
}
