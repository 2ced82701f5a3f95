/** Runs inside the VM, called by prelude.js: the globals whose work the server does. */
/* oxlint-disable no-unused-expressions, consistent-function-scoping -- evaluated for its value, a function */
/*
 * Parameters are passed on as they are: the server checks them.
 * `link`: call(method, params, receive?) → promise, callSync(method, params) → value, timer(ms, then) → id, drop(id).
 * `checks`: requireJson(what, name, value): refuse-non-json-values.js. watch(name, result, error): overlooked-results.js.
 */
;(function (link, given, checks) {
  'use strict'
  const { call, callSync } = link
  const { requireJson, watch } = checks
  const { context, request, seed } = given
  const NATIVE = ['git', 's3']
  const MAX_TIMEOUT_MS = 7 * 24 * 60 * 60 * 1000

  /** Holds nothing of the task but its name until the result comes. */
  const runTask = (method, task) => {
    const name = task?.name
    if (task?.allowFailure === true) return call(method, task)
    return call(method, task, (result, error) => watch(name, result, error))
  }

  const startSandbox = async (place) => {
    const { id } = await call('sandbox.open', place)
    return Object.freeze({
      exec: (task) => runTask('sandbox.exec', { name: place.name, ...task, id }),
      close: async () => void (await call('sandbox.close', { id })),
    })
  }

  /** The fields of a config, by type. The server checks them again, with their values, when a message is sent. */
  const NOTIFY = {
    slack: ['token', 'channels', 'url'],
    teams: ['webhook'],
    http: ['url', 'method', 'headers'],
  }
  const checkConfig = (name, config) => {
    const at = `notify.setConfigs: "${name}"`
    if (typeof config !== 'object' || config === null) throw new TypeError(`${at} is not an object`)
    if (!Object.hasOwn(NOTIFY, config.type))
      throw new Error(
        `${at}: there is no type "${config.type}"; there are: ${Object.keys(NOTIFY).join(', ')}`,
      )
    const known = NOTIFY[config.type]
    const unknown = Object.keys(config).find((key) => key !== 'type' && !known.includes(key))
    if (unknown !== undefined)
      throw new Error(`${at}: ${config.type} has no field "${unknown}"; it has: ${known.join(', ')}`)
  }

  /** Waits for all promises before it rejects, and names each one that failed. */
  const allOf = async (what, promises) => {
    const settled = await Promise.allSettled(promises)
    const errors = settled.flatMap(({ status, reason }) => (status === 'rejected' ? [reason] : []))
    if (errors.length === 1) throw errors[0]
    if (errors.length > 1) throw new AggregateError(errors, `${what}: ${errors.length} were not sent`)
  }

  /** Configs stay as they were written, with their placeholders, until a message is sent. */
  const notify = () => {
    const configs = new Map()
    let shared = {}
    const send = async ({ name, message, context: own, async: detached } = {}) => {
      const config = configs.get(name)
      if (!config) {
        const known = [...configs.keys()].join(', ')
        throw new Error(
          `notify.send: there is no config "${name}"; ${known ? `set are: ${known}` : 'none is set'}`,
        )
      }
      const params = { config, name, context: { ...shared, ...own }, message, async: detached === true }
      return void (await call('notify.send', params))
    }
    return {
      setConfigs: (map) => {
        for (const [name, config] of Object.entries(map)) {
          const own = copy(config)
          checkConfig(name, own)
          configs.set(name, own)
        }
      },
      setContext: (values) => void (shared = { ...shared, ...copy(values) }),
      send,
      /** One message to several names, or several whole messages. */
      sendMultiple: async (messages, message, detached) => {
        const sent = messages.map((one) =>
          send(typeof one === 'string' ? { name: one, message, async: detached } : one),
        )
        await allOf('notify.sendMultiple', sent)
      },
    }
  }

  /** Not enumerable: the request still prints as what came. */
  const withJson = (received) =>
    Object.defineProperty(received, 'json', { value: () => JSON.parse(received.body) })

  const copy = (value) => JSON.parse(JSON.stringify(value))

  /** A `Response`, as far as it is useful for a body that has arrived as a whole. */
  const toResponse = ({ status, statusText, headers, body, url }) => {
    const fields = new Map(Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
    const bytes = () => Uint8Array.from(atob(body), (character) => character.charCodeAt(0))
    const text = () => decodeUtf8(bytes())
    return Object.freeze({
      status,
      statusText,
      url,
      ok: status >= 200 && status < 300,
      headers: Object.freeze({
        get: (name) => fields.get(String(name).toLowerCase()) ?? null,
        has: (name) => fields.has(String(name).toLowerCase()),
        entries: () => fields.entries(),
      }),
      bytes: async () => bytes(),
      arrayBuffer: async () => bytes().buffer,
      text: async () => text(),
      json: async () => JSON.parse(text()),
    })
  }

  const fetch = async (input, options = {}) => {
    const { method, headers, body, timeout } = options
    const fields = typeof headers?.entries === 'function' ? Object.fromEntries(headers.entries()) : headers
    return toResponse(await call('fetch', { url: String(input), method, headers: fields, body, timeout }))
  }

  const milliseconds = (ms) => Math.min(MAX_TIMEOUT_MS, Math.max(0, Math.trunc(Number(ms)) || 0))
  const setTimeout = (then, ms, ...values) => {
    if (typeof then !== 'function') throw new TypeError('setTimeout takes a function')
    return link.timer(milliseconds(ms), () => then(...values))
  }

  Math.random = createRandom(seed)

  return {
    runtime: { run: (task) => runTask('runtime.run', task), startSandbox },
    volumes: {
      create: (options) => {
        const { name } = callSync('volumes.create', options ?? {})
        // As the script wrote it: what was recorded is redacted.
        return Object.freeze({ name: options?.name ?? name })
      },
    },
    nativeResources: {
      check: (resource) => callSync('nativeResources.check', resource),
      fetch: (resource) => call('nativeResources.fetch', resource),
      push: (resource) => call('nativeResources.push', resource),
      isNative: (type) => NATIVE.includes(type),
      listNativeResources: () => [...NATIVE],
    },
    notify: notify(),
    storage: {
      get: (key) => call('storage.get', { key }),
      set: async (key, value) => {
        requireJson('storage.set', 'value', value)
        await call('storage.set', { key, value })
      },
    },
    http: {
      request: request && withJson(request),
      respond: async (response) => void (await call('http.respond', response ?? {})),
    },
    fetch,
    setTimeout,
    clearTimeout: (id) => link.drop(id),
    sleep: (ms) => new Promise((resolve) => void setTimeout(resolve, ms)),
    pipelineContext: context,
  }

  /** xoshiro128** (Blackman and Vigna), 53 bits a number. @param seed 32 hexadecimal digits */
  function createRandom(seed) {
    const state = Uint32Array.from([0, 8, 16, 24], (at) => parseInt(seed.slice(at, at + 8), 16))
    // The generator never leaves the state of all zeros.
    if (state.every((word) => word === 0)) state[0] = 1
    const rotate = (word, by) => ((word << by) | (word >>> (32 - by))) >>> 0
    const next = () => {
      const result = Math.imul(rotate(Math.imul(state[1], 5), 7), 9) >>> 0
      const shifted = state[1] << 9
      state[2] ^= state[0]
      state[3] ^= state[1]
      state[1] ^= state[2]
      state[0] ^= state[3]
      state[2] ^= shifted
      state[3] = rotate(state[3], 11)
      return result
    }
    const random = () => ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000
    return random
  }

  /** Each byte that is not UTF-8 becomes U+FFFD. */
  function decodeUtf8(bytes) {
    const least = [0, 0, 0x80, 0x800, 0x10000]
    let text = ''
    let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
    while (at < bytes.length) {
      const first = bytes[at]
      const length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
      let point = length === 1 ? first : first & (0x7f >> length)
      let more = 1
      while (more < length && (bytes[at + more] & 0xc0) === 0x80)
        point = (point << 6) | (bytes[at + more++] & 0x3f)
      const isWhole =
        more === length && point >= least[length] && point <= 0x10ffff && (point & 0x1ff800) !== 0xd800
      const isValid = length === 1 || (first >= 0xc2 && first <= 0xf4 && isWhole)
      text += isValid ? String.fromCodePoint(point) : '\ufffd'
      at += isValid ? length : 1
    }
    return text
  }
})
