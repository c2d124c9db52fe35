// SPDX-License-Identifier: Apache-2.0
/** vCPU threads and guest time; who may make them stand, and how nobody waits for himself. */
package dev.faultline.machine.pc.internal.run;
