// SPDX-License-Identifier: Apache-2.0
/**
 * Address translation: guest paging, the second stage (EPT), and what an engine asks when its
 * translation cache misses.
 *
 * <p>Not here: the caches' hit path, which engines inline over {@link
 * dev.faultline.api.engine.VcpuContext}'s arrays.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.mmu;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
