/** Opens functions of the C library of a Linux system, glibc or musl. */
import { dlopen, type FFIFunction } from 'bun:ffi'

const C_LIBRARIES = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1']

/** Opens glibc or musl; undefined where neither is found. */
export function openLibc<Functions extends Record<string, FFIFunction>>(functions: Functions) {
  for (const name of C_LIBRARIES) {
    try {
      return dlopen(name, functions).symbols
    } catch {
      // Try the next one.
    }
  }
  return undefined
}
