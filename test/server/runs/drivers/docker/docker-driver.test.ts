/** The Docker driver passes the driver contract. */
import { describe } from 'bun:test'
import { missingDockerPart, sharedDockerEngine } from '../../../../support/real-parts/docker-engine.ts'
import { describeDriver } from '../contract.ts'
import { dockerWorld } from '../docker-world.ts'

const missing = missingDockerPart()

if (missing === undefined) describeDriver(dockerWorld(await sharedDockerEngine()))
else describe.skip(`the docker driver (missing here: ${missing})`, () => {})
