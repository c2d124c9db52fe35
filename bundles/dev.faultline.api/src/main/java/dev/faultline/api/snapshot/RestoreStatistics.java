// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

/**
 * What a restore has done so far. Counts are of pages of 4096 bytes unless they say otherwise.
 *
 * @param faults that the restore resolved
 * @param absentFaults of them on pages that were not there yet; the others only opened a page
 * @param loaded pages that are there, zero ones included
 * @param prefetched pages of the trace that were there before the guest asked for them
 * @param prefetchedTouched of them, touched by the guest since; an estimate from a sample if not
 *     {@link #exact}
 * @param touched by the guest; if not {@link #exact}, only those that it asked for by a fault, and
 *     {@link #prefetchedTouched}
 * @param foretold touched pages that the trace foretells, loaded in time or not; of those that
 *     {@link #touched} can tell
 * @param exact every first touch is a fault, because the restore records
 * @param recorded first touches in the recording, 0 if there is none
 * @param prefetchStopped the trace was given up, as the guest did not touch what it says
 * @param resident all pages are there
 * @param chunksRead chunks read, checked and unpacked
 * @param sourceReads requests to the source of the pages, those for the index included
 * @param sourceBytes bytes that these requests brought, as stored
 */
public record RestoreStatistics(
        long faults,
        long absentFaults,
        long loaded,
        long prefetched,
        long prefetchedTouched,
        long touched,
        long foretold,
        boolean exact,
        long recorded,
        boolean prefetchStopped,
        boolean resident,
        long chunksRead,
        long sourceReads,
        long sourceBytes) {
    /** The share of the touched pages that had been prefetched, 0 to 1; 0 if none was touched. */
    public double recall() {
        return touched == 0 ? 0 : (double) prefetchedTouched / touched;
    }

    /** The share of the prefetched pages that were touched, 0 to 1; 0 if none was prefetched. */
    public double precision() {
        return prefetched == 0 ? 0 : (double) prefetchedTouched / prefetched;
    }
}
