declare module 'quickjs-wasi/quickjs.wasm' {
  /** Where the file is; inside the binary when compiled. */
  const path: string
  export default path
}
