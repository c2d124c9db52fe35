// SPDX-License-Identifier: Apache-2.0
/**
 * The vCPU's architectural state, and what it meets outside: clock, buses, interrupts, CPUID.
 *
 * <p>The state belongs to the machine and survives a swap of the engine. It is touched by the
 * vCPU's own thread, or while it is quiesced.
 */
@Export
@Version("1.0.0")
@NullMarked
package dev.faultline.api.cpu;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
