/** `GET /metrics`: what the server counts about itself, in OpenMetrics text. */
import type { Handler } from '../request-context.ts'

export const metricsText: Handler = async (_call, { settings, metrics, runs, disk }) => {
  const { waiting, inProgress } = runs.load()
  const text = metrics.text({
    version: settings.version,
    runsWaiting: waiting,
    runsInProgress: inProgress,
    diskFull: disk.isFull(),
    diskFreeBytes: await disk.freeBytes(),
    residentBytes: process.memoryUsage.rss(),
    startedAtSeconds: Math.floor(performance.timeOrigin / 1000),
  })
  return new Response(text, {
    headers: {
      'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8',
      'cache-control': 'no-store',
    },
  })
}
