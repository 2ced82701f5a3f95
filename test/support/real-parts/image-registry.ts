/** A registry that a Docker daemon can pull one image from. */
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'

/** A registry on loopback with one image, `name:1`, for an engine to pull from (OCI Distribution 1.1, pull only). */
export interface ImageRegistry {
  /** Of the image: `127.0.0.1:PORT/things/tool:1`. */
  image: string
  /** Requests for the image's manifest so far. */
  pulls(): number
  stop(): Promise<void>
}

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'

/** @param layer a tar archive: the image's file system. @param hold blobs are not sent before it resolves */
export function startImageRegistry(
  layer: Uint8Array<ArrayBuffer>,
  hold: Promise<void> = Promise.resolve(),
): ImageRegistry {
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { Env: ['PATH=/bin'], User: 'ada' },
      rootfs: { type: 'layers', diff_ids: [digest(layer)] },
    }),
  )
  const packed = gzipSync(layer)
  const blobs = new Map([config, packed].map((blob) => [digest(blob), blob]))
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: {
      mediaType: 'application/vnd.docker.container.image.v1+json',
      size: config.length,
      digest: digest(config),
    },
    layers: [
      {
        mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
        size: packed.length,
        digest: digest(packed),
      },
    ],
  })
  let pulls = 0
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url)
      if (pathname === '/v2/') return new Response('{}')
      const [, kind, name = ''] = /^\/v2\/things\/tool\/(manifests|blobs)\/(.*)$/.exec(pathname) ?? []
      if (kind === 'manifests' && (name === '1' || name === digest(manifest))) {
        pulls += 1
        const headers = { 'content-type': MANIFEST, 'docker-content-digest': digest(manifest) }
        return new Response(manifest, { headers })
      }
      const blob = kind === 'blobs' ? blobs.get(name) : undefined
      if (blob === undefined) {
        const errors = [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }]
        return Response.json({ errors }, { status: 404 })
      }
      await hold
      return new Response(Uint8Array.from(blob))
    },
  })
  return {
    image: `127.0.0.1:${server.port}/things/tool:1`,
    pulls: () => pulls,
    stop: () => server.stop(true),
  }
}

function digest(bytes: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
