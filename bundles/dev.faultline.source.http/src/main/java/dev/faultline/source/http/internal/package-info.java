// SPDX-License-Identifier: Apache-2.0
/**
 * Pages of snapshots behind web servers: range requests, retries, no other host than the one named.
 */
package dev.faultline.source.http.internal;
