// SPDX-License-Identifier: Apache-2.0
/**
 * The PC: board, vCPU threads, guest time, and the service that builds machines. Loaders are in
 * {@code load}; chips and engines come as services.
 */
package dev.faultline.machine.pc.internal;
