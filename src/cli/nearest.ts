export { nearest } from '../platform/nearest.ts'
