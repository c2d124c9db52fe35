// SPDX-License-Identifier: Apache-2.0
/**
 * Guest-physical memory: RAM blocks, slots, listeners, and guarded access for everyone who is not a
 * vCPU.
 *
 * <p>A guest-physical address (gpa) is a byte address; a guest frame number (gfn) is gpa &gt;&gt;
 * 12; a host-virtual address (hva) is a byte address of this process.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.memory;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
