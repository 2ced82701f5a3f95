/** S3 passes the resource contract. */
import { afterAll, beforeAll } from 'bun:test'
import { missingS3Part, type S3Server, startS3Server } from '../../../support/real-parts/s3-server.ts'
import { describeResource, type World, write } from './contract.ts'

if (missingS3Part() === undefined) {
  let server: S3Server
  let buckets = 0
  beforeAll(async () => void (server = await startS3Server()), 90_000)
  afterAll(() => server.stop())

  const open =
    (objects: Record<string, string>, push: Record<string, unknown>) => async (): Promise<World> => {
      const bucket = `bucket-${++buckets}`
      await server.createBucket(bucket)
      const wrongSecret = 'notTheKeyThatIsWanted'
      const credentials = { access_key: 'secret:AWS_ACCESS_KEY', secret_key: 'secret:AWS_SECRET_KEY' }
      const source = { bucket, endpoint: server.endpoint, credentials, ...objects }
      let published = 0
      let watching: ReturnType<typeof setInterval> | undefined
      return {
        type: 's3',
        source,
        secrets: { AWS_ACCESS_KEY: server.accessKeyId, AWS_SECRET_KEY: server.secretAccessKey },
        wrong: { source, secrets: { AWS_ACCESS_KEY: server.accessKeyId, AWS_SECRET_KEY: wrongSecret } },
        publish: (text) => server.put(bucket, `builds/${++published}/hello.txt`, text),
        change: (folder, text) => write(folder, 'hello.txt', text),
        pushParams: push,
        onRequest: (look) => void (watching = setInterval(look, 1)),
        stop: async () => clearInterval(watching),
      }
    }

  describeResource(
    's3 (by a pattern)',
    open({ pattern: 'builds/*/hello.txt' }, { file: 'hello.txt', key: 'builds/99/hello.txt' }),
  )
  describeResource(
    's3 (by a prefix)',
    open({ prefix: 'builds/' }, { file: 'hello.txt', key: 'builds/new/hello.txt' }),
  )
}
