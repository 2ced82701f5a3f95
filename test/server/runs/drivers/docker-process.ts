/** A process with the Docker driver, which tests of reattachment kill. */
import { actAsServer } from './act-as-server.ts'
import { HOST_VARIABLE, openDockerDriver } from './docker-world.ts'

await actAsServer(async (folder) => openDockerDriver(folder, process.env[HOST_VARIABLE] ?? ''))
