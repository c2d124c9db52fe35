// SPDX-License-Identifier: Apache-2.0
/** The debug-exit port. */
package dev.faultline.device.pc.internal.debugexit;
