// SPDX-License-Identifier: Apache-2.0
/** vCPU threads and guest time; who may make them stand, and how nobody waits for himself. */
@NullMarked
package dev.faultline.machine.pc.internal.run;

import org.jspecify.annotations.NullMarked;
