// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.memory;

import org.osgi.annotation.versioning.ProviderType;

/** A range of host memory that may back guest RAM (HAXM: RAM block). Immutable identity; freed by {@link GuestMemory#removeBlock}. */
@ProviderType
public interface RamBlock {
    /** Name, unique within the machine, e.g. {@code "ram"}; snapshots refer to it. */
    String name();

    /** hva of the first byte, page-aligned. */
    long hva();

    /** Size in bytes, a multiple of 4096. */
    long size();
}
