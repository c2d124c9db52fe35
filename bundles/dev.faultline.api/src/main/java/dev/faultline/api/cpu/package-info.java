// SPDX-License-Identifier: Apache-2.0
/**
 * The vCPU: architectural state, the engine contract, and the way other threads reach a running
 * vCPU.
 *
 * <p>The state belongs to the machine and survives a swap of the engine. {@link VcpuContext}'s
 * fields are for engines, the MMU and snapshot code only, and are touched by the vCPU's own thread,
 * or while it is quiesced.
 */
@Export
@Version("1.0.0")
package dev.faultline.api.cpu;

import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
