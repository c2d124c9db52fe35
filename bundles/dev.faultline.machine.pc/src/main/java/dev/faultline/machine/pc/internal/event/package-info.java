// SPDX-License-Identifier: Apache-2.0
/** What is written to the flight recorder. */
package dev.faultline.machine.pc.internal.event;
