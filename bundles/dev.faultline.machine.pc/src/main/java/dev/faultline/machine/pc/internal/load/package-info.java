// SPDX-License-Identifier: Apache-2.0
/**
 * What a machine can boot: Linux bzImage, multiboot v1, PVH ELF, flat binary; and the tables that
 * firmware would leave.
 */
@NullMarked
package dev.faultline.machine.pc.internal.load;

import org.jspecify.annotations.NullMarked;
