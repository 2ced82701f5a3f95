/** The type of the import of a file as a path. */
declare module 'quickjs-wasi/quickjs.wasm' {
  /** Where the file is; inside the binary when compiled. */
  const path: string
  export default path
}
