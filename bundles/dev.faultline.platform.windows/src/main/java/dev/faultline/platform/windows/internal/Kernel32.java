// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

/**
 * The calls of kernel32.dll that host memory needs: replaceable, so that failures can be tried on
 * any host. Any thread.
 */
interface Kernel32 {
    int MEM_COMMIT = 0x1000;
    int MEM_RESERVE = 0x2000;
    int MEM_DECOMMIT = 0x4000;
    int MEM_RELEASE = 0x8000;
    int PAGE_READWRITE = 4;

    /** Address of the pages, or the negated error number of Windows. */
    long virtualAlloc(long address, long bytes, int type, int protection);

    /** 0, or the error number. */
    int virtualFree(long address, long bytes, int type);

    /**
     * Number of pages among the {@code pages} from {@code address} that are in the working set, or
     * the negated error number.
     *
     * @param own only those that no other mapping could show: of a copy-on-write view those written
     */
    long workingSetPages(long address, int pages, int pageSize, boolean own);

    /**
     * Memory backed by the page file, all of it committed.
     *
     * @return its handle, or the negated error number
     */
    long createSection(long bytes);

    /**
     * Maps all of a section.
     *
     * @param copyOnWrite what is written stays with this mapping; all of it is committed once more
     * @return the address, or the negated error number
     */
    long mapView(long section, long bytes, boolean copyOnWrite);

    /** 0, or the error number. */
    int unmapView(long address);

    /** 0, or the error number. */
    int closeHandle(long handle);

    int pageSize();
}
