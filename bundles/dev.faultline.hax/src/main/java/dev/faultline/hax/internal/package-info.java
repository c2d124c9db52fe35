// SPDX-License-Identifier: Apache-2.0
/**
 * HAXM's interface over the services of this platform: no board, no chips. A VM is guest memory,
 * rights and translation; a vCPU is an engine that runs on the thread of whoever calls RUN, and
 * leaves it for everything that is the client's: ports, device space, stopped accesses, HLT.
 */
@NullMarked
package dev.faultline.hax.internal;

import org.jspecify.annotations.NullMarked;
