import { dlopen, type FFIFunction } from 'bun:ffi'

const C_LIBRARIES = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1']

/** Functions of the C library of a Linux system; undefined where it is none that we know. */
export function openLibc<Functions extends Record<string, FFIFunction>>(functions: Functions) {
  for (const name of C_LIBRARIES) {
    try {
      return dlopen(name, functions).symbols
    } catch {
      // Another C library, then.
    }
  }
  return undefined
}
