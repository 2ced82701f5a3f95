/** The versions of one object: which is the newest, which can be named, and which one a version of a script means. */
import type { ListObjectVersionsCommandOutput } from '@aws-sdk/client-s3'
import type { Version } from './resource-interface.ts'

export interface S3Object {
  key: string
  etag: string
  modified: number
  size: number
  /** Present where the bucket keeps versions; `null` for one that was stored while it kept none. */
  versionId: string | undefined
}

interface Described {
  ETag?: string | undefined
  Size?: number | undefined
  LastModified?: Date | undefined
  VersionId?: string | undefined
}

/** What objects of a bucket that keeps no versions, or keeps none now, have for a version. */
const NULL_VERSION = 'null'

/** An object as a response describes it; one with the version `null` is known by its ETag. */
export function objectOf(key: string, described: Described): S3Object {
  const object = versionedObjectOf(key, described)
  return object.versionId === NULL_VERSION ? { ...object, versionId: undefined } : object
}

function versionedObjectOf(
  key: string,
  { ETag = '', Size = 0, LastModified, VersionId }: Described,
): S3Object {
  return { key, etag: ETag, size: Size, modified: LastModified?.getTime() ?? 0, versionId: VersionId }
}

export interface ObjectVersions {
  /** Newest first. Markers of deletions are none. */
  versions: S3Object[]
  /** The newest entry is the marker of a deletion: there is no such object now, though there are versions of it. */
  isDeleted: boolean
}

/**
 * The versions of `key` in a page of `ListObjectVersions`, which begins with them. The newest is the one that the
 * server marks as such: an object that was stored while versions were suspended has the version `null`, which some
 * servers list last.
 */
export function versionsIn(page: ListObjectVersionsCommandOutput, key: string): ObjectVersions {
  const own = (page.Versions ?? []).filter((entry) => entry.Key === key)
  const markers = (page.DeleteMarkers ?? []).filter((entry) => entry.Key === key)
  const ordered = [
    ...own.filter(({ IsLatest }) => IsLatest === true),
    ...own.filter(({ IsLatest }) => IsLatest !== true),
  ]
  const isDeleted = markers.some(({ IsLatest }) => IsLatest === true)
  // One that stands alone is that of a bucket that has never kept versions.
  const read = own.length + markers.length === 1 ? objectOf : versionedObjectOf
  return { versions: ordered.map((entry) => read(key, entry)), isDeleted }
}

/** How a script names an object. The version `null` is written over by the next one, so its ETag belongs to it. */
export function versionOf({ key, versionId, etag }: S3Object): Version {
  if (versionId === undefined) return { key, etag }
  return versionId === NULL_VERSION ? { key, version_id: versionId, etag } : { key, version_id: versionId }
}

/** Whether a version that a script was given earlier is this object, also where the bucket has kept versions since. */
export function isVersion({ key, versionId, etag }: S3Object, version: Version): boolean {
  if (version.key !== key) return false
  const isNamed = version.version_id !== undefined && version.version_id !== NULL_VERSION
  if (isNamed || (versionId !== undefined && versionId !== NULL_VERSION))
    return version.version_id === versionId
  return version.etag === undefined ? version.version_id === versionId : version.etag === etag
}

/** Which state of an object is asked for. */
export interface Wanted {
  versionId?: string
  etag?: string
}

/** Whether what came is what was asked for: a server may not know the condition, or the version, and ignore it. */
export function isWanted(came: Described, { versionId, etag }: Wanted): boolean {
  if (etag !== undefined && bare(came.ETag ?? '') !== bare(etag)) return false
  if (versionId === undefined) return true
  return versionId === NULL_VERSION
    ? (came.VersionId ?? versionId) === versionId
    : came.VersionId === versionId
}

/** Some servers and proxies leave the quotes of an ETag out, or mark it as weak. */
function bare(etag: string): string {
  return etag.replace(/^(?:W\/)?"?|"$/g, '')
}
