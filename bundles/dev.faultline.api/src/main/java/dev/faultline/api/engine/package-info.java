// SPDX-License-Identifier: Apache-2.0
/**
 * The contract of execution engines, and the vCPU as they see it: translations, wiring, and the way
 * other threads reach a running vCPU.
 *
 * <p>For engines, the MMU and the machine. {@link VcpuContext}'s fields are touched by the vCPU's
 * own thread, or while it is quiesced. Everyone else finds what he needs in {@link
 * dev.faultline.api.cpu.VcpuState}.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.engine;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
