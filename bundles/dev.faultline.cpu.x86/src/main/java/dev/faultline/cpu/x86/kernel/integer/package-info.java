// SPDX-License-Identifier: Apache-2.0
/**
 * What integer instructions compute: static functions of their operands, which leave the status
 * flags in the vCPU. A row of the instruction table names one; the shape around it is generated.
 */
@NullMarked
package dev.faultline.cpu.x86.kernel.integer;

import org.jspecify.annotations.NullMarked;
